"""Plans: to-do lists whose items depend on each other."""
