"""What the engine is measured beside: a module for each package, with one interface (`peer.Peer`)."""
