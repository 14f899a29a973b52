"""What the loop in attractor.py leans on, in rooms: see DESIGN in CONTRIBUTING.md."""

VERSION = "1.0.0"
