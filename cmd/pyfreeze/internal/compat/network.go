package main

import "regexp"

// network programs talk to the harness's own server.
var network = []program{
	{name: "httpie", packages: "httpie", stands: "requests, urllib3, TLS", command: "/usr/bin/http", warm: "--ignore-stdin --offline GET http://{SERVER}/get", files: map[string]string{"body": "the body\n"},
		cases:  []string{"--ignore-stdin http://{SERVER}/get a==1 X-Header:h", "--ignore-stdin POST http://{SERVER}/post a=b n:=3", "PUT http://{SERVER}/put < body", "--ignore-stdin -v -a user:secret http://{SERVER}/auth", "--ignore-stdin --follow http://{SERVER}/redirect", "--ignore-stdin --check-status http://{SERVER}/missing", "--ignore-stdin -d -o out.bin http://{SERVER}/video.mp4", "--ignore-stdin --session=s --form http://{SERVER}/x f@body", "--version"},
		varies: []*regexp.Regexp{regexp.MustCompile(`[0-9a-f]{32}`), regexp.MustCompile(`Done\..*`)}},
	{name: "yt-dlp", packages: "yt-dlp", stands: "1,800 modules of extractors", command: "/usr/bin/yt-dlp", warm: "--version",
		cases: []string{"http://{SERVER}/video.html", "--print title http://{SERVER}/video.html", "-F http://{SERVER}/video.html", "-J http://{SERVER}/video.html", "http://{SERVER}/missing", "--list-extractors", "-q -o out.mp4 http://{SERVER}/video.mp4", "--help", "--nosuch"},
		varies: []*regexp.Regexp{regexp.MustCompile(`\(varies\)|at +[\d.]+[KMG]?i?B/s|in [\d:]+|ETA [\d:]+|at +Unknown B/s|\([\d:]+\)`), regexp.MustCompile(`"epoch": \d+`), regexp.MustCompile(`Chrome/[\d.]+`),
			regexp.MustCompile(`\r\x1b\[K\[download\][^\n]*`)}},
	{name: "awscli", packages: "awscli", stands: "version 2; s2n, which keeps /dev/urandom open", command: "/usr/bin/aws",
		warm: "--version", env: []string{"AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true"},
		files: map[string]string{"../home/.aws/config": "[default]\nregion = eu-central-1\n", "local": "text\n"},
		cases: []string{"configure list", "configure get region", "configure set output json", "s3 ls s3://bucket --no-sign-request --endpoint-url http://{SERVER}",
			"ec2 describe-instances --generate-cli-skeleton", "s3 cp local s3://bucket/key --dryrun --no-sign-request", "ec2 nosuch"}},
}
