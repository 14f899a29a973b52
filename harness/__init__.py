"""What the loop in attractor.py leans on, in rooms: see CONTRIBUTING.md."""

VERSION = "2.0.0"
