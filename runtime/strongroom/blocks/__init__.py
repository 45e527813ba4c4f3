"""Modules under the names that scripts written for Prefect import; each re-exports what ``strongroom`` has too."""
