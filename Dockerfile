# Two stages: the first builds the wheel and a virtual environment, the second has neither compiler nor source.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY . .
# Further parts of the distribution: "postgres" for a server, "demo" for the demonstration.
ARG EXTRAS=postgres
RUN python -m venv /opt/cds-service \
 && python -m pip wheel --no-cache-dir --no-deps --wheel-dir /dist . \
 && /opt/cds-service/bin/pip install --no-cache-dir "$(ls /dist/*.whl)[${EXTRAS}]"

FROM python:${PYTHON}-slim
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cds-service" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --system --uid 10001 --home-dir /data --create-home cds
COPY --from=build /opt/cds-service /opt/cds-service
# Everything that is written goes to /data and /tmp, so the rest can be mounted read-only.
ENV PATH=/opt/cds-service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CDS_SERVICE_DATABASE_URL=sqlite:////data/cds-service.sqlite3
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=4).read()"]
ENTRYPOINT ["cds-service"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
