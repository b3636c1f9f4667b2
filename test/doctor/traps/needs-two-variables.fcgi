#!/usr/bin/env perl
# Takes its settings from the shell in which it was written.
use strict;
use warnings;
use FCGI;

die "no database\n" unless $ENV{BLOG_DATABASE};
die "no secret\n" unless $ENV{BLOG_SECRET};
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
    print "Content-Type: text/plain\r\n\r\nhello\n";
}
