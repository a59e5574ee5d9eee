#!/bin/sh
# Sourced by the launchers beside it, which set `base` first. Read from the environment, as by the official ones:
#   JAVA_HOME                          the Java to run; without it, java on PATH
#   ZOOCFGDIR, ZOOCFG                  folder and name of the configuration: conf of this release, zoo.cfg
#   ZK_SERVER_HEAP, ZK_CLIENT_HEAP     heap in MB, 1000 and 256
#   SERVER_JVMFLAGS, CLIENT_JVMFLAGS   options for the JVM of a server or of a tool
#   JVMFLAGS                           options for both
#   ZOO_LOG_DIR                        folder that the logging configuration may write to (zookeeper.log.dir)
#   JMXPORT                            remote JMX on this port, of the loopback address: it asks for no password
#   CLASSPATH                          searched before the release's own jars
# $ZOOCFGDIR/java.env is read first, so it may set each of these but ZOOCFGDIR.

: "${ZOOCFGDIR:=$base/conf}"
if [ -f "$ZOOCFGDIR/java.env" ]; then
    . "$ZOOCFGDIR/java.env"
fi

config=${ZOOCFG:-zoo.cfg}
case $config in
    /*) ;;
    *) config=$ZOOCFGDIR/$config ;;
esac
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
# The configuration folder comes first: logback.xml or log4j.properties is found there.
classpath="$ZOOCFGDIR:${CLASSPATH:+$CLASSPATH:}$base/lib/*"
log_dir=${ZOO_LOG_DIR:-$base/logs}
