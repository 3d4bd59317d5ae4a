"""Statistics: numbers in, numbers out (numpy, scipy). Knows neither records nor sentences."""
