"""Plans: to-do lists whose items can depend on each other."""
