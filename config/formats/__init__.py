"""Days and times as every page of ours writes them, for what Django formats by itself."""
