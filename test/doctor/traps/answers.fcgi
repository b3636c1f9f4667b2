#!/usr/bin/env perl
# Answers as its first argument says: what people print by mistake.
use strict;
use warnings;
use FCGI;
use POSIX ();

my %answers = (
    "nothing" => sub { },
    "body-at-once" => sub { print "<html><body>hello</body></html>\n" },
    "debug-first" => sub { print "connected to the database\nContent-Type: text/html\r\n\r\nhello\n" },
    "empty-line-first" => sub { print "\r\nContent-Type: text/html\r\n\r\nhello\n" },
    "http-line" => sub { print "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\nhello\n" },
    "no-empty-line" => sub { print "Content-Type: text/html\r\n" },
    "no-type" => sub { print "X-Powered-By: Perl\r\n\r\nhello\n" },
    "byte-order-mark" => sub { print "\xef\xbb\xbfContent-Type: text/html\r\n\r\nhello\n" },
    "wrong-length" => sub { print "Content-Type: text/html\r\nContent-Length: 100\r\n\r\nhello\n" },
    "chunked" => sub { print "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
    "an-error" => sub { print STDERR "no such table: posts\n"; print "Status: 500\r\nContent-Type: text/html\r\n\r\n<h1>Oops</h1>\n" },
    "bare" => sub { print "Status: 200 OK\r\n\r\n" },
    "one-site" => sub {
        my $site = ($ENV{HTTPS} ? "https" : "http") . "://$ENV{SERVER_NAME}:$ENV{SERVER_PORT} $ENV{HTTP_HOST}";
        if ($site eq "https://lists.example.org:8443 lists.example.org:8443") { print "Content-Type: text/plain\r\n\r\nlists\n" }
        else { print "Status: 421\r\nContent-Type: text/plain\r\n\r\nnot here\n" }
    },
    "not-found" => sub { print "Status: 404\r\nContent-Type: text/html\r\n\r\nno such page\n" },
    "a-warning" => sub { print STDERR "deprecated\n"; print "Content-Type: text/html\r\n\r\nhello\n" },
    "process-stdout" => sub { syswrite($main::stdout, "Content-Type: text/html\r\n\r\nhello\n") },
    "late" => sub { select(undef, undef, undef, 2); print "Content-Type: text/html\r\n\r\nhello\n" },
    "never" => sub { sleep(600) },
    "computing" => sub { 1 while 1 },
    "an-exit" => sub { syswrite($main::stderr, "giving up\n"); POSIX::_exit(3) },
    "a-crash" => sub { kill("SEGV", $$); sleep(600) },
    "half" => sub { print "Content-Type: text/html\r\n\r\nhel"; $main::request->Flush(); POSIX::_exit(0) },
    "a-crash-on-the-second" => sub {
        POSIX::_exit(5) if $main::served++;
        print "Content-Type: text/html\r\n\r\nhello\n";
    },
    "once" => sub { print "Content-Type: text/html\r\n\r\nhello\n"; $main::last = 1 },
    "nonblock-afterwards" => sub { open(my $fd, "<&=", 0); $fd->blocking(0); print "Content-Type: text/html\r\n\r\nhello\n" },
    "a-relative-page" => sub {
        my $page;
        if (open($page, "<", "pages/index.html")) { print "Content-Type: text/html\r\n\r\n", <$page> }
        else { print STDERR "cannot open pages/index.html: No such file or directory\n"; print "Status: 500\r\nContent-Type: text/html\r\n\r\n" }
    },
);

use IO::Handle;
our ($served, $last) = (0, 0);
open(our $stdout, ">&=", 1);
open(our $stderr, ">&=", 2);
our $request = FCGI::Request();
while ($request->Accept() >= 0) {
    $answers{$ARGV[0]}->();
    $request->Finish();
    last if $last;
}
