# shellcheck shell=bash disable=SC2154  # dir, here and local_home come from lib.sh and its callers
# One Apache Kafka broker that is its own controller (KRaft), on loopback.

kafka_libs="$local_home/kafka/libs"

# Copies the jars that pom.xml names, once; processes that come here together wait for the first.
fetch_kafka() {
  cmp -s "$here/pom.xml" "$kafka_libs/pom.xml" && return
  mkdir -p "$local_home/kafka"
  (
    flock 8
    cmp -s "$here/pom.xml" "$kafka_libs/pom.xml" && exit
    command -v mvn >/dev/null || fail "Apache Kafka is fetched with Maven, which is missing: run deploy/local/install"
    rm -rf "$kafka_libs.new" "$kafka_libs"
    printf 'fetching Apache Kafka (54 MB)\n' >&2
    mvn -q -B -ntp -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$kafka_libs.new" \
      >"$local_home/kafka/fetch.log" 2>&1 || { cat "$local_home/kafka/fetch.log" >&2 && exit 1; }
    cp "$here/pom.xml" "$kafka_libs.new/pom.xml"
    mv "$kafka_libs.new" "$kafka_libs"
  ) 8>"$local_home/kafka/.lock" 9<&-
}

kafka_properties() {
  local port=$1 controller=$2
  cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://${DAYBOOK_KAFKA_ADVERTISED:-127.0.0.1:$port}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/kafka
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
message.max.bytes=10485760
replica.fetch.max.bytes=10485760
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# Two sizes that suit a machine rather than a small heap and many short-lived topics, brought down.
log.cleaner.dedupe.buffer.size=16777216
log.index.size.max.bytes=1048576
PROPERTIES
}

# Sixteen random bytes in Kafka's base64: what `StorageTool random-uuid` prints, a Java start sooner.
cluster_id() { printf 'A%s' "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)"; }

# Makes the folder of the log, unless an earlier start did.
format_kafka() {
  [[ -e $dir/kafka/meta.properties ]] && return
  java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
    -cp "$kafka_libs/*" kafka.tools.StorageTool format -t "$(cluster_id)" -c "$dir/kafka.properties" 9<&-
}

kafka_ready() { stopped kafka || grep -q 'Kafka Server started' "$dir/kafka.log"; }

start_kafka() {
  running kafka >/dev/null && return
  fetch_kafka
  local port attempt
  for attempt in 1 2 3; do
    port=$(free_port)
    kafka_properties "$port" "$(free_port)" >"$dir/kafka.properties"
    format_kafka >"$dir/kafka.log" 2>&1 || break
    setsid java -Xms256m -Xmx512m -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
      -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info -cp "$kafka_libs/*" \
      kafka.Kafka "$dir/kafka.properties" </dev/null >>"$dir/kafka.log" 2>&1 9<&- &
    remember kafka $! || continue
    wait_for 90 kafka_ready || break
    if running kafka >/dev/null; then
      printf 'DAYBOOK_KAFKA=127.0.0.1:%s\n' "$port" >"$dir/kafka.address"
      return
    fi
  done
  tail -n 20 "$dir/kafka.log" >&2
  stop kafka KILL
  fail "Apache Kafka did not start (attempt $attempt); its log is $dir/kafka.log"
}
