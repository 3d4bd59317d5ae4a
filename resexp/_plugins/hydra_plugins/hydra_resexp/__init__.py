"""The sweeper and the launcher of resexp. Hydra imports every module here whenever it looks for plugins."""
