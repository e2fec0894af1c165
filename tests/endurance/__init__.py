"""Long trials with real faults: power cuts, kills, outages, full disks; each has a short form in tests/system."""
