# One image for web, worker and release; the command chooses: web (as it stands), worker, migrate, doctor, …
# docs/deploy.md shows how it is run. `make container` executes these steps without a Docker engine.

FROM python:3.13-slim-trixie AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements-production.txt deploy/container/requirements-build.txt ./
# Locked, with hashes, as wheels: nothing is compiled, so no compiler is needed.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --only-binary :all: --require-hashes -r requirements-build.txt \
 && python -m venv --without-pip /opt/holdgate \
 && /opt/build/bin/pip --python /opt/holdgate install \
      --only-binary :all: --require-hashes -r requirements-production.txt
COPY pyproject.toml README.md LICENSE ./
COPY app/holdgate app/holdgate/
COPY templates templates/
COPY static static/
COPY migrations migrations/
RUN /opt/build/bin/python -m hatchling build -t wheel -d dist \
 && /opt/build/bin/pip --python /opt/holdgate install --no-deps --no-index dist/*.whl

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="Holdgate" \
      org.opencontainers.image.description="A task queue with hold points: people sign off on what machines do." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0"
# Whoever runs it owns /data, where artifacts go without ARTIFACTS_URL; nothing else but /tmp is ever written.
RUN mkdir /data && chown 10001:10001 /data
COPY --from=builder /opt/holdgate /opt/holdgate
ENV PATH=/opt/holdgate/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production DATA_DIR=/data HOST=0.0.0.0 PORT=8000 METRICS_PORT=9100
WORKDIR /data
VOLUME ["/data"]
USER 10001:10001
EXPOSE 8000 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-m", "holdgate.health"]
ENTRYPOINT ["holdgate"]
CMD ["web"]
