"""The self-attack: ways to get at masked values, tried against an operator's own upstream and rules."""
