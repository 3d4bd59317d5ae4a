"""Documentation pages: tables generated from code and YAML files, and checks of links and commands."""
