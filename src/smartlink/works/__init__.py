"""Works, the cloud program: exams, people and the fleet of gateways."""
