#!/bin/sh
# Run a class of this release in the foreground: kafka-run-class.sh [java options] CLASS [arguments]
#
# Read from the environment, as by the official launchers:
#   JAVA_HOME                   the Java to run; without it, java on PATH
#   KAFKA_HEAP_OPTS             heap, -Xmx256M unless set
#   KAFKA_JVM_PERFORMANCE_OPTS  garbage collector and compiler
#   KAFKA_GC_LOG_OPTS           garbage collection log, none unless set
#   KAFKA_JMX_OPTS, JMX_PORT    remote JMX; with JMX_PORT alone it listens on the loopback address only,
#                               because it asks for no password
#   KAFKA_LOG4J_OPTS, LOG_DIR   logging configuration and the folder it may write to (kafka.logs.dir)
#   KAFKA_OPTS                  anything else for the JVM (agents, system properties)
#   CLASSPATH                   searched before the release's own jars
set -eu

# Tools are linked into folders on PATH: the release is where the link points to.
base=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

# A tool's launcher puts the class first, so what the user gave it comes second.
case ${1:-}:${2:-} in
    :*)
        echo "Usage: ${0##*/} [java options] CLASS [arguments]" >&2
        exit 64
        ;;
    -daemon:* | *:-daemon | -name:* | -loggc:*)
        echo "${0##*/}: -daemon, -name and -loggc are not supported. It stays in the foreground: run it as a" \
            "systemd unit, and name the log of garbage collections in KAFKA_GC_LOG_OPTS." >&2
        exit 64
        ;;
esac

log_dir=${LOG_DIR:-$base/logs}
logging=${KAFKA_LOG4J_OPTS:--Dlog4j.configuration=file:$base/config/tools-log4j.properties}
performance=${KAFKA_JVM_PERFORMANCE_OPTS:--server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true}
jmx=${KAFKA_JMX_OPTS:-}
if [ -n "${JMX_PORT:-}" ]; then
    property=-Dcom.sun.management.jmxremote
    : "${jmx:=$property.authenticate=false $property.ssl=false $property.host=127.0.0.1 -Djava.rmi.server.hostname=127.0.0.1}"
    jmx="$jmx $property.port=$JMX_PORT $property.rmi.port=$JMX_PORT"
fi

# The options are lists of words: splitting them is meant. exec, so that a supervisor sees the JVM itself.
# shellcheck disable=SC2086
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" ${KAFKA_HEAP_OPTS:--Xmx256M} $performance ${KAFKA_GC_LOG_OPTS:-} $jmx \
    "-Dkafka.logs.dir=$log_dir" $logging -cp "${CLASSPATH:+$CLASSPATH:}$base/libs/*" ${KAFKA_OPTS:-} "$@"
