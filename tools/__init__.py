"""What builds and checks the project: wheels, API reference. Nothing of the package imports this."""
