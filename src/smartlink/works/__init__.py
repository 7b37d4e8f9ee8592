"""Works, the cloud program: exams, people, fleets of gateways, and the pages over them."""
