"""The next edit: what a person who has just changed something will change next, by rules on syntax trees."""
