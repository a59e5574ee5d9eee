#!/bin/sh
# The ZooKeeper server: zkServer.sh start-foreground|status|print-cmd|version [CONFIGURATION]
# The environment variables it reads are listed in zkEnv.sh.
set -eu
base=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
. "$base/bin/zkEnv.sh"
if [ -n "${2:-}" ]; then
    case $2 in
        */*) config=$2 ;;
        *) config=$ZOOCFGDIR/$2 ;;
    esac
fi

jmx=
if [ -n "${JMXPORT:-}" ]; then
    property=-Dcom.sun.management.jmxremote
    jmx="$property.port=$JMXPORT $property.rmi.port=$JMXPORT $property.host=127.0.0.1 $property.authenticate=false"
    jmx="$jmx $property.ssl=false -Djava.rmi.server.hostname=127.0.0.1"
fi

setting() { sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$config" | tail -n 1; }

case ${1:-} in
    start-foreground | print-cmd)
        run=exec
        if [ "$1" = print-cmd ]; then
            run=echo
        fi
        # The options are lists of words: splitting them is meant.
        # shellcheck disable=SC2086
        $run "$java" "-Xmx${ZK_SERVER_HEAP:-1000}m" "-Dzookeeper.log.dir=$log_dir" $jmx ${SERVER_JVMFLAGS:-} ${JVMFLAGS:-} \
            -cp "$classpath" org.apache.zookeeper.server.quorum.QuorumPeerMain "$config"
        ;;
    status)
        port=$(setting clientPort)
        address=$(setting clientPortAddress)
        # shellcheck disable=SC2086
        answer=$("$java" "-Xmx${ZK_CLIENT_HEAP:-256}m" -Dzookeeper.console.threshold=ERROR ${CLIENT_JVMFLAGS:-} ${JVMFLAGS:-} \
            -cp "$classpath" org.apache.zookeeper.client.FourLetterWordMain "${address:-localhost}" "${port:-2181}" srvr) || true
        mode=$(printf '%s\n' "$answer" | grep '^Mode: ') || {
            echo "No answer from a server on ${address:-localhost}:${port:-2181}, the client port in $config." >&2
            exit 1
        }
        echo "$mode"
        ;;
    version)
        exec "$java" -cp "$classpath" org.apache.zookeeper.version.VersionInfoMain
        ;;
    *)
        echo "Usage: ${0##*/} start-foreground|status|print-cmd|version [CONFIGURATION]" >&2
        echo "It stays in the foreground: start and stop it in the background by its systemd unit." >&2
        exit 64
        ;;
esac
