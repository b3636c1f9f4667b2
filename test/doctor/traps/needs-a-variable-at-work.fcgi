#!/usr/bin/env perl
# Boots without its setting, and fails with each request.
use strict;
use warnings;
use FCGI;

my $setting = $ENV{BLOG_DATABASE};
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
    if ($setting) {
        print "Content-Type: text/plain\r\n\r\nhello\n";
    } else {
        print STDERR "cannot connect: no database is named\n";
        print "Status: 500 Internal Server Error\r\nContent-Type: text/html\r\n\r\n<html><body><h1>Sorry</h1></body></html>\n";
    }
}
