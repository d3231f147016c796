"""The tests of Holdfast: see CONTRIBUTING for what goes where."""
