"""Development studies: what the probe is made of. No part of the wheel; run from a clone."""
