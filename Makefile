# Each of these is also a plain Python command, for Windows: python scripts/run.py demo
PYTHON ?= python3

.PHONY: demo test test-oldest fix samples brand pack bench crash soak fuzz clean

demo test test-oldest fix samples brand pack bench crash soak fuzz:
	$(PYTHON) scripts/run.py $@

clean:
	rm -rf .venv .venv-oldest .cache demo-output dist
