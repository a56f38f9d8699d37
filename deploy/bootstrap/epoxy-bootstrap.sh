#!/bin/sh
# Runs an instance's bootstrap, and announces its failure, so that Epoxy cleans up what the instance registered before it
# could tell Chef its instance id. For user data:
#
#   epoxy-bootstrap.sh --topic arn:aws:sns:us-east-1:123456789012:epoxy-nodes --node web-1 \
#     [--stack shop --resource WebGroup] -- chef-client --once
#
# The exit code is the bootstrap's, which cfn-signal is told of where --stack is given. The event is
#   {"Event": "epoxy:DELETE", "node": …, "ip": …, "instance_id": …, "exit_code": …, "time": …}
# It needs curl 7.75 or the AWS CLI, and sns:Publish to the topic in the instance's role (deploy/iam/bootstrap.json).
set -u

usage() {
	sed -n '2,/^set/p' "$0" | sed -n 's/^# \{0,1\}//p' >&2
	exit 2
}
say() { printf 'epoxy-bootstrap: %s\n' "$*" >&2; }

topic='' node='' stack='' resource=''
while [ $# -gt 0 ]; do
	case $1 in
	--topic | --node | --stack | --resource)
		[ $# -ge 2 ] || usage
		case $1 in
		--topic) topic=$2 ;;
		--node) node=$2 ;;
		--stack) stack=$2 ;;
		--resource) resource=$2 ;;
		esac
		shift 2
		;;
	--) shift; break ;;
	*) usage ;;
	esac
done
[ $# -gt 0 ] || usage
printf '%s' "$topic" | grep -Eq '^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$' || { say "--topic is no ARN of an SNS topic: $topic"; exit 2; }
[ -z "$stack" ] || [ -n "$resource" ] || { say "--stack needs --resource"; exit 2; }
region=$(printf '%s' "$topic" | cut -d: -f4)

# The instance metadata service, version 2.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
imds=${imds%/}
session=''
metadata() {
	[ -n "$session" ] || session=$(curl -sf -m 5 --noproxy '*' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token") || return 1
	curl -sf -m 5 --noproxy '*' -H "X-aws-ec2-metadata-token: $session" "$imds/latest/$1"
}

# field NAME VALUE PATTERN: a member of the event, if the value is what it should be: nothing else gets into the JSON.
field() {
	if [ -n "$2" ] && printf '%s' "$2" | grep -Eqx "$3"; then
		printf ',"%s":"%s"' "$1" "$2"
	fi
}

event() { # exit code
	printf '{"Event":"epoxy:DELETE"'
	field node "$node" '[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}'
	field ip "$(metadata meta-data/local-ipv4)" '[0-9]{1,3}(\.[0-9]{1,3}){3}'
	field instance_id "$(metadata meta-data/instance-id)" 'i-[0-9a-f]{8,17}'
	field region "$(metadata meta-data/placement/region)" '[a-z0-9-]+'
	field account_id "$(metadata dynamic/instance-identity/document | sed -n 's/.*"accountId"[^0-9]*\([0-9]*\).*/\1/p')" '[0-9]{12}'
	printf ',"exit_code":%d,"time":"%s"}' "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

# credential NAME: of the instance's role, as the metadata service gives them, or of the environment.
credential() {
	case $1 in
	AccessKeyId) [ -z "${AWS_ACCESS_KEY_ID:-}" ] || { printf '%s' "$AWS_ACCESS_KEY_ID"; return; } ;;
	SecretAccessKey) [ -z "${AWS_ACCESS_KEY_ID:-}" ] || { printf '%s' "${AWS_SECRET_ACCESS_KEY:-}"; return; } ;;
	Token) [ -z "${AWS_ACCESS_KEY_ID:-}" ] || { printf '%s' "${AWS_SESSION_TOKEN:-}"; return; } ;;
	esac
	role=$(metadata meta-data/iam/security-credentials/ | head -n 1)
	metadata "meta-data/iam/security-credentials/$role" | sed -n "s/.*\"$1\"[^\"]*\"\([^\"]*\)\".*/\1/p" | head -n 1
}

publish() { # message
	if command -v aws >/dev/null 2>&1; then
		aws sns publish --region "$region" --topic-arn "$topic" --message "$1" >/dev/null
		return
	fi
	case $region in cn-*) suffix=amazonaws.com.cn ;; *) suffix=amazonaws.com ;; esac
	token=$(credential Token)
	# The key goes through curl's standard input: arguments are visible to every process of the machine.
	{
		printf 'user = "%s:%s"\n' "$(credential AccessKeyId)" "$(credential SecretAccessKey)"
		[ -z "$token" ] || printf 'header = "X-Amz-Security-Token: %s"\n' "$token"
	} | curl -sf -m 20 -K - -o /dev/null --aws-sigv4 "aws:amz:$region:sns" --data-urlencode Action=Publish --data-urlencode Version=2010-03-31 \
		--data-urlencode "TopicArn=$topic" --data-urlencode "Message=$1" "${AWS_ENDPOINT_URL:-https://sns.$region.$suffix/}"
}

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-signal.html
signal() { # exit code
	[ -n "$stack" ] || return 0
	signaller=$(command -v cfn-signal || echo /opt/aws/bin/cfn-signal)
	"$signaller" -e "$1" --stack "$stack" --resource "$resource" --region "$region" || say "cfn-signal failed: CloudFormation will wait until its timeout"
}

"$@"
code=$?
signal "$code"
[ "$code" -ne 0 ] || exit 0

say "the bootstrap failed with exit code $code"
message=$(event "$code")
case $message in
*'"node"'* | *'"ip"'* | *'"instance_id"'*) ;;
*) say "neither a node name nor an address is known: nothing can be announced"; exit "$code" ;;
esac
for pause in 1 2 4 8 16 0; do
	if publish "$message"; then
		say "announced to $topic: $message"
		exit "$code"
	fi
	sleep "$pause"
done
say "could not publish to $topic: the sweep will find what this instance left"
exit "$code"
