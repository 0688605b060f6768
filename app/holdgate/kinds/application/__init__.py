"""The parts of `application.submit`: what is sent (packet, compose, questions) and how (sending, answers)."""
