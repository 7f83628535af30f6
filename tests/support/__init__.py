"""What the tests lean on: servers, stand-ins, and the projects of each variant."""
