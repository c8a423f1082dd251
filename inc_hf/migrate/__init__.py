"""What brings projects of INC here: its YAML of 1.X in `conf/`, its scripts in `script/`."""
