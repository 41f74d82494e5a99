"""Source -> documents: crawl, reconcile, clean. Knows no store and no network library; drivers bring both."""
