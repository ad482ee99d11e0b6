# The worker. Build: docker build -t hourglass . Run: docker run --env-file worker.env hourglass
# Any command of it: docker run --rm --env-file worker.env hourglass health

FROM python:3.11-slim-bookworm AS packages
WORKDIR /opt/hourglass
COPY requirements.txt ./
RUN python -m venv .venv \
  && .venv/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements.txt

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/hourglass hourglass
WORKDIR /opt/hourglass
COPY --from=packages /opt/hourglass/.venv .venv
COPY worker worker
# The network is the container's own: what of it others reach, its host says.
ENV HTTP_HOST=0.0.0.0 \
  HTTP_PORT=8790 \
  LOG_FORMAT=json \
  PATH=/opt/hourglass/.venv/bin:$PATH \
  PYTHONDONTWRITEBYTECODE=1
USER 10001
# Whether the process answers, no more: a container that is restarted because the database is away helps nobody.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", \
  "import os, urllib.request as r; p = os.environ['HTTP_PORT']; p == '0' or r.urlopen(f'http://127.0.0.1:{p}/healthz')"]
ENTRYPOINT ["python", "-m", "worker"]
CMD ["run"]
