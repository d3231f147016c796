"""What each engine does in its own way: plans, indexes, writes in one statement, pools."""
