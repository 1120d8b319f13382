"""Answers about closed time ranges, kept for who asks again."""
