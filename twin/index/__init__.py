"""Documents -> index: chunk, embed, write, check, switch. Knows neither Qdrant nor any model runtime."""
