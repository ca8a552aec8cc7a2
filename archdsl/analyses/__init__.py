"""Layer 4: graph -> facts. An analysis never writes on the graph and knows no particular operator."""
