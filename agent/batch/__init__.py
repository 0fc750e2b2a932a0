"""Gathers rows of event fields from several inputs and cuts them into batches as columns."""

from agent.batch.builder import BatchSettings, Builder, Origin

__all__ = ["BatchSettings", "Builder", "Origin"]
