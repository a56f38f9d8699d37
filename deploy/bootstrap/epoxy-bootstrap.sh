#!/bin/sh
# Runs an instance's bootstrap, and announces its failure, so that Epoxy cleans up what the instance registered before it
# could tell Chef its instance id. For user data:
#
#   epoxy-bootstrap.sh --topic arn:aws:sns:us-east-1:123456789012:epoxy-nodes --node web-1 \
#     [--stack shop --resource WebGroup] -- chef-client --once
#
# The exit code is the bootstrap's, which cfn-signal is told of where --stack is given; the bootstrap runs whatever is wrong
# with the other options. The event is
#   {"Event": "epoxy:DELETE", "node": …, "ip": …, "instance_id": …, "exit_code": …, "time": …}
# It needs curl 7.75 or the AWS CLI, and sns:Publish to the topic in the instance's role (deploy/iam/bootstrap.json).
set -u

usage() {
	sed -n '2,/^set/p' "$0" | sed -n 's/^# \{0,1\}//p' >&2
	exit 2
}
say() { printf 'epoxy-bootstrap: %s\n' "$*" >&2; }

# matches VALUE PATTERN LENGTH: whether the whole value is as it should be, and no longer. grep looks at lines, so a value of
# several is refused before; and what POSIX lets a pattern count ends at 255, so lengths are counted here.
newline='
'
matches() {
	case $1 in '' | *"$newline"*) return 1 ;; esac
	[ "${#1}" -le "$3" ] && printf '%s\n' "$1" | LC_ALL=C grep -Eqx "$2"
}

# bounded SECONDS COMMAND…
bounded() {
	limit=$1
	shift
	if command -v timeout >/dev/null 2>&1; then timeout "$limit" "$@"; else "$@"; fi
}

topic='' node='' stack='' resource=''
while [ $# -gt 0 ]; do
	case $1 in
	--topic | --node | --stack | --resource)
		# As when a variable was empty: what follows is the next option, or --.
		case ${2---} in --*) say "$1 has no value and is ignored"; shift; continue ;; esac
		case $1 in
		--topic) topic=$2 ;;
		--node) node=$2 ;;
		--stack) stack=$2 ;;
		--resource) resource=$2 ;;
		esac
		shift 2
		;;
	--) shift; break ;;
	*) say "$1 is no option and is ignored: there are --topic, --node, --stack and --resource, then -- and the command"; shift ;;
	esac
done
[ $# -gt 0 ] || usage
name=${topic##*:}
if [ "${#name}" -gt 256 ] || ! matches "$topic" 'arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+' 400; then
	say "--topic is no ARN of an SNS topic: $topic; a failure is not announced"
	topic=''
fi
if [ -n "$node" ] && ! matches "$node" '[A-Za-z0-9_][A-Za-z0-9_.-]*' 255; then
	say "--node is no name of a Chef node (1 to 255 letters, digits, dots, _ and -): $node; it is not announced"
	node=''
fi
if [ -n "$stack" ] && [ -z "$resource" ]; then
	say "--stack needs --resource; CloudFormation is not told"
	stack=''
fi
region=$(printf '%s' "$topic" | cut -d: -f4)

# metadata PATH: sets value to what the instance metadata service (version 2) says. It is not called in $(…), so that the
# token is fetched once, and a service that does not answer is waited for once.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
imds=${imds%/}
session='' imds_down='' value=''
metadata() {
	value=''
	[ -z "$imds_down" ] || return 1
	if [ -z "$session" ]; then
		session=$(curl -sf -m 3 --noproxy '*' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token")
		[ -n "$session" ] || { imds_down=yes; return 1; }
	fi
	value=$(curl -sf -m 2 --noproxy '*' -H "X-aws-ec2-metadata-token: $session" "$imds/latest/$1")
	case $? in
	0) ;;
	22) value=''; return 1 ;; # it answers, but has no such thing
	*) value='' imds_down=yes; return 1 ;;
	esac
}

# member NAME VALUE PATTERN: one more of the event, if the value is what it should be: nothing else gets into the JSON.
member() {
	if matches "$2" "$3" 255; then message="$message,\"$1\":\"$2\"" known="$known $1"; fi
}

compose() { # exit code: sets message, and known to what is in it
	message='{"Event":"epoxy:DELETE"' known=''
	member node "$node" '.*'
	metadata meta-data/local-ipv4
	member ip "$value" '[0-9]{1,3}(\.[0-9]{1,3}){3}'
	metadata meta-data/instance-id
	member instance_id "$value" 'i-[0-9a-f]{8,17}'
	metadata meta-data/placement/region
	member region "$value" '[a-z0-9-]+'
	metadata dynamic/instance-identity/document
	member account_id "$(printf '%s\n' "$value" | sed -n 's/.*"accountId"[^0-9]*\([0-9]*\).*/\1/p')" '[0-9]{12}'
	message="$message,\"exit_code\":$1,\"time\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"}"
}

# credentials sets key, secret and token: the environment's, or those of the instance's role.
credentials() {
	if [ -n "${AWS_ACCESS_KEY_ID:-}" ]; then
		key=$AWS_ACCESS_KEY_ID secret=${AWS_SECRET_ACCESS_KEY:-} token=${AWS_SESSION_TOKEN:-}
		return
	fi
	metadata meta-data/iam/security-credentials/ || return 1
	metadata "meta-data/iam/security-credentials/${value%%"$newline"*}" || return 1
	key=$(credential AccessKeyId) secret=$(credential SecretAccessKey) token=$(credential Token)
}
credential() { printf '%s\n' "$value" | sed -n "s/.*\"$1\"[^\"]*\"\([^\"]*\)\".*/\1/p" | head -n 1; }

# https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json
domain() {
	case $region in
	cn-*) echo amazonaws.com.cn ;;
	eusc-*) echo amazonaws.eu ;;
	us-isob-*) echo sc2s.sgov.gov ;;
	us-isof-*) echo csp.hci.ic.gov ;;
	us-iso-*) echo c2s.ic.gov ;;
	eu-isoe-*) echo cloud.adc-e.uk ;;
	*) echo amazonaws.com ;;
	esac
}

# publish tries once, for ten seconds at most. A CLI that does not work, for want of its Python or its libraries, is no reason to
# give up.
publish() {
	if command -v aws >/dev/null 2>&1; then
		bounded 5 aws sns publish --cli-connect-timeout 3 --cli-read-timeout 4 --region "$region" --topic-arn "$topic" --message "$message" >/dev/null && return
		say "the AWS CLI could not publish; trying with curl"
	fi
	credentials || return 1
	# The key goes through curl's standard input: arguments are visible to every process of the machine.
	{
		printf 'user = "%s:%s"\n' "$key" "$secret"
		[ -z "$token" ] || printf 'header = "X-Amz-Security-Token: %s"\n' "$token"
	} | curl -sf -m 5 -K - -o /dev/null --aws-sigv4 "aws:amz:$region:sns" --data-urlencode Action=Publish --data-urlencode Version=2010-03-31 \
		--data-urlencode "TopicArn=$topic" --data-urlencode "Message=$message" "${AWS_ENDPOINT_URL:-https://sns.$region.$(domain)/}"
}

# announced publishes once, and tells whether it worked.
announced() {
	publish || return 1
	say "announced to $topic: $message"
}

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-signal.html
signal() { # exit code
	[ -n "$stack" ] || return 0
	if [ -z "$region" ]; then
		metadata meta-data/placement/region
		region=$value
	fi
	signaller=$(command -v cfn-signal || echo /opt/aws/bin/cfn-signal)
	bounded 30 "$signaller" -e "$1" --stack "$stack" --resource "$resource" ${region:+--region "$region"} ||
		say "cfn-signal failed: CloudFormation will wait until its timeout"
}

"$@"
code=$?
if [ "$code" -eq 0 ]; then
	signal 0
	exit 0
fi

say "the bootstrap failed with exit code $code"
compose "$code"
case $known in
*node* | *ip* | *instance_id*) ;;
*) say "neither a node name nor an address is known: nothing can be announced"; topic='' ;;
esac
# Announced first: when CloudFormation hears of the failure, it may end the instance at once.
if [ -z "$topic" ] || announced; then
	signal "$code"
	exit "$code"
fi
signal "$code"
for pause in 1 2 4 8 16; do
	sleep "$pause"
	! announced || exit "$code"
done
say "could not publish to $topic: the sweep will find what this instance left"
exit "$code"
