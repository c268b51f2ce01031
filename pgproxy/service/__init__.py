"""Composition: from a configuration file to a running proxy, a checked configuration, an explained statement."""
