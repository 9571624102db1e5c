"""What several tests share: the comparator, random networks, pictures."""
