# The app and the commands `winnow`, `winnow-train` and `dask worker`. docs/scaling.md says how to use it.
# The tests check what it copies; they do not build it.

FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml setup.py MANIFEST.in constraints.txt README.md LICENSE NOTICE streamlit_app.py ./
COPY .streamlit/config.toml .streamlit/
COPY curator/ curator/
COPY db/ db/
COPY trainer/ trainer/
RUN pip wheel --no-deps --wheel-dir /wheels . \
    && python -m venv /opt/winnow \
    && /opt/winnow/bin/pip install --no-cache-dir --constraint constraints.txt \
        "$(ls /wheels/winnow-*.whl)[cluster,http,postgres,s3]"

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home winnow && install -d -o winnow -g winnow /data
COPY --from=build /opt/winnow /opt/winnow
ENV PATH=/opt/winnow/bin:$PATH \
    WINNOW_HOME=/data \
    KERAS_HOME=/data/keras \
    STREAMLIT_SERVER_HEADLESS=true
USER winnow
WORKDIR /data
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]
# All addresses inside the container. Publish the port on 127.0.0.1 only: these are people's faces.
CMD ["winnow", "app", "--address", "0.0.0.0"]
