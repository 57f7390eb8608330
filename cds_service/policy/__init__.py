"""Policy text as data: model, loading, checking, selection."""
