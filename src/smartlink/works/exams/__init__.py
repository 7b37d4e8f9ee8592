"""Exams: how instances arrive, whose Drafts they belong to, and what became of each."""
