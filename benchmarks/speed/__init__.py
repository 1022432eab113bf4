"""How long the library's own work takes, beside its peers', measured interleaved in one run."""
