"""The operator's side of a fleet: what devices send is collected, told apart, kept once and receipted."""
