"""Moving traffic from one version to the next: what is served, by which steps, and how a step is judged. No I/O."""
