"""The attempts, as templates: data for `pgproxy.attack.templates`, no code."""
