"""Ray on this machine: pictures a second (`rates`), the driver's memory (`driver`), what goes wrong (`faults`)."""
