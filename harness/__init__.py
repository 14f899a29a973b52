"""What the loop in attractor.py leans on, in rooms: see CONTRIBUTING.md."""

import time

VERSION = "2.0.0"
BEGUN = time.time()  # what of the program is changed on the disk from now on is not what runs
