"""Programs for those who work on the repository; nothing of them is shipped."""
