# Each of these is also a plain Python command, for Windows: python scripts/run.py demo
PYTHON ?= python3

.PHONY: demo test fix samples brand pack bench crash soak fuzz clean

demo test fix samples brand pack bench crash soak fuzz:
	$(PYTHON) scripts/run.py $@

clean:
	rm -rf .venv .cache demo-output dist
